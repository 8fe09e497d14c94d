/** A strangler fig: new roots beside the old trunk. */
export function Brand() {
  return (
    <span class="brand">
      <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="8" />
        <path d="M16 27V13M16 17c0-5-3-8-9-8 0 5 3 8 9 8Zm0-3c0-5 3-8 9-8 0 5-3 8-9 8ZM9.5 16.5V27M22.5 14V27" />
      </svg>
      Banyan
    </span>
  );
}
