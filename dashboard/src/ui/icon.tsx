/** Lines on a grid of 16, drawn with the colour of the text around them. */
const PATHS = {
  map: 'M3.5 5.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4Zm9 9a2 2 0 1 0 0-4 2 2 0 0 0 0 4Zm0-9a2 2 0 1 0 0-4 2 2 0 0 0 0 4Zm-7-2h5m2 2v5m-7.5-5.5 6 7',
  relay: 'M2 4h7.5M2 8h5M2 12h7.5M9 1.5 12.5 4 9 6.500M9 9.5 12.5 12 9 14.500M12.5 4v8',
  subscriber:
    'M2.5 3.500c0-1 2.5-2 5.5-2s5.5 1 5.5 2v9c0 1-2.5 2-5.5 2s-5.5-1-5.5-2Zm0 0c0 1 2.5 2 5.5 2s5.5-1 5.5-2m-11 4.500c0 1 2.5 2 5.5 2s5.5-1 5.5-2',
  plan: 'm1.5 3.5 1.2 1.200L5 2.400M7.5 3.500h7m-13 4.7 1.2 1.200L5 7M7.5 8.200h7M2 13h2.500M7.5 13h7',
  live: 'M1.5 8h3l2-5.5 3 11 2-5.500h3',
  query: 'M1.5 5.500h12m0 0-3-3m3 3-3 3M14.5 11h-12m0 0 2.5-2.500M2.5 11 5 13.5',
  reaction: 'M9 1.5 3 9h4.500L6.5 14.5 13 7H8.500Z',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm0-10v1.500m0 11V15M1 8h1.500m11 0H15M3 3l1.1 1.100m7.8 7.800L13 13M3 13l1.1-1.100m7.8-7.800L13 3',
  moon: 'M13.5 9.700A6 6 0 0 1 6.3 2.500a6 6 0 1 0 7.2 7.200Z',
  system: 'M2 2.500h12v8.500H2Zm3.5 11.500h5M8 11v3',
  up: 'M8 13.500v-11m0 0-4 4m4-4 4 4',
  down: 'M8 2.500v11m0 0 4-4m-4 4-4-4',
  check: 'm2.5 8.5 3.5 3.5 7.5-8',
  cross: 'm3.5 3.5 9 9m0-9-9 9',
  clock: 'M8 14.500a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM8 4.500V8l2.5 1.5',
  warning: 'M8 2 1.5 13.500h13ZM8 6.500v3.200m0 1.800v.2',
  pause: 'M5.5 3v10m5-10v10',
  play: 'M4.5 2.500v11l9-5.500Z',
  retry: 'M13.5 8a5.5 5.5 0 1 1-1.7-4M13.5 1.500V5H10',
  skip: 'M2.5 3.500v9L9 8Zm10 0v9',
  search: 'M7 12.500a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11Zm4-1.5 3.5 3.5',
  board: 'M2 2.500h3.300v11H2Zm4.4 0h3.300v7H6.400Zm4.4 0h3.300v9h-3.300Z',
  keyboard: 'M1.5 4h13v8.500h-13ZM4 6.800h.1m2.5 0h.1m2.6 0h.1m2.5 0h.1M5 9.800h6',
  leave: 'M6 2H2.500v12H6m4.5-9.500L14 8l-3.5 3.500M14 8H6',
} as const;

export type IconName = keyof typeof PATHS;

/** Says nothing to who cannot see it: the words beside it do. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
