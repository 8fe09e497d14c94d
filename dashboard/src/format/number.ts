const GROUPED = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });

/** A count with its thousands apart: `12,408`. */
export const countText = (count: number): string => GROUPED.format(count);

/** `1 key`, `2 keys`: the plural is the singular with an s unless it is given. */
export function countOf(count: number, noun: string, plural = `${noun}s`): string {
  return `${countText(count)} ${count === 1 ? noun : plural}`;
}

/** Per second, in three digits: `0.4 /s`, `12 /s`, `1,200 /s`. */
export function rateText(perSecond: number): string {
  if (perSecond === 0) return '0 /s';
  if (perSecond < 0.05) return '< 0.1 /s';
  return `${perSecond < 9.95 ? Number(perSecond.toFixed(1)) : GROUPED.format(perSecond)} /s`;
}

/** A share of one as percent. What is not quite none, or not quite all, never reads as 0 or 100 %. */
export function percentText(share: number): string {
  if (share === 0 || share === 1) return `${share * 100} %`;
  if (share < 0.0001) return '< 0.01 %';
  if (share > 0.9999) return '> 99.99 %';
  return `${Number((share * 100).toFixed(share < 0.01 || share > 0.99 ? 2 : 1))} %`;
}
