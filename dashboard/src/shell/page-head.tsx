import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

/** The page's title, here and in the browser's tab. */
export function PageHead({ title, children }: { title: string; children?: ComponentChildren }) {
  useEffect(() => {
    document.title = `${title} · Banyan`;
  }, [title]);
  return (
    <header class="page-head">
      <h1>{title}</h1>
      {children !== undefined && <p class="muted">{children}</p>}
    </header>
  );
}
