/** How fast an edge is drawn to flow: from 0, nothing, to 4, from 100 a second on. */
export function speedOf(perSecond: number): 0 | 1 | 2 | 3 | 4 {
  if (perSecond < 0.05) return 0;
  if (perSecond < 2) return 1;
  if (perSecond < 20) return 2;
  return perSecond < 100 ? 3 : 4;
}
