import { computed, signal } from '@preact/signals';
import { clockAheadMs } from '../live/live.js';

/** This browser's time, to the second. */
export const nowMs = signal(Date.now());

/** The gateway's time, as far as this browser can tell: what ages are counted from. */
export const gatewayNowMs = computed(() => nowMs.value - clockAheadMs.value);

setInterval(() => {
  if (!document.hidden) nowMs.value = Date.now();
}, 1_000);
document.addEventListener('visibilitychange', () => {
  nowMs.value = Date.now();
});
