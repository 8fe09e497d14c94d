import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

export interface PanelProps {
  title: string;
  /** To the right of the title. */
  aside?: ComponentChildren;
  children: ComponentChildren;
  wide?: boolean;
}

/** A titled part of a page. */
export function Panel({ title, aside, children, wide = false }: PanelProps) {
  const id = useId();
  return (
    <section class={wide ? 'panel panel-wide' : 'panel'} aria-labelledby={id}>
      <header class="panel-head">
        <h2 id={id}>{title}</h2>
        {aside !== undefined && <div class="panel-aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}
