import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './icon.js';

export interface ButtonProps {
  children: ComponentChildren;
  onClick?: (() => void) | undefined;
  icon?: IconName;
  tone?: 'plain' | 'primary' | 'danger' | 'quiet';
  disabled?: boolean;
  /** A button that sends its form. */
  submit?: boolean;
  /** The key that does the same. */
  hint?: string;
  title?: string;
}

export function Button({
  children,
  onClick,
  icon,
  tone = 'plain',
  disabled,
  submit,
  hint,
  title,
}: ButtonProps) {
  return (
    <button
      type={submit === true ? 'submit' : 'button'}
      class={`button button-${tone}`}
      disabled={disabled ?? false}
      title={title}
      onClick={onClick}
    >
      {icon !== undefined && <Icon name={icon} />}
      <span>{children}</span>
      {hint !== undefined && <kbd aria-hidden="true">{hint}</kbd>}
    </button>
  );
}
