export interface MeterProps {
  /** What is measured, for who hears it. */
  label: string;
  value: number;
  max: number;
  /** The value in words, with units. */
  text: string;
  tone?: 'neutral' | 'good' | 'warn' | 'bad';
}

/** A bar that shows how much of something there is, or has come together. */
export function Meter({ label, value, max, text, tone = 'neutral' }: MeterProps) {
  const share = max <= 0 ? 0 : Math.min(1, Math.max(0, value / max));
  return (
    <div
      class={`meter tone-${tone}`}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={max}
      aria-valuenow={Math.min(value, max)}
      aria-valuetext={text}
    >
      <div class="meter-bar" style={{ width: `${share * 100}%` }} />
    </div>
  );
}
