/** The look of the HTML page, in light and dark. */
export const STYLE = `
:root { color-scheme: light dark; --text: #1d2420; --soft: #5c6a62; --line: #d9e0db; --page: #fbfcfb; --card: #fff;
  --good: #17693b; --good-fill: #e2f3e8; --bad: #9d2a1c; --bad-fill: #fbe6e2; --here: #17693b; --on-here: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e3e9e5; --soft: #9aa8a0; --line: #2f3a34; --page: #131816; --card: #1a211d;
    --good: #7fd6a0; --good-fill: #163323; --bad: #f09a8d; --bad-fill: #42211c; --here: #7fd6a0; --on-here: #10251a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 80rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; margin: 0; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .7rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.8rem 0 .5rem; font-family: ui-monospace, monospace; }
.about { color: var(--soft); margin: .3rem 0 0; }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th, td { text-align: left; vertical-align: top; padding: .45rem .7rem; border-bottom: 1px solid var(--line); }
td { overflow-wrap: anywhere; min-width: 5rem; }
td:first-child, td:nth-child(2) { white-space: nowrap; font-variant-numeric: tabular-nums; }
tbody tr:last-child td { border-bottom: 0; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
pre { overflow-x: auto; margin: .6rem 0; padding: .8rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; font: .8rem/1.5 ui-monospace, monospace; }
.good, .bad { border-radius: 4px; padding: .05rem .4rem; box-decoration-break: clone; -webkit-box-decoration-break: clone; }
.good { color: var(--good); background: var(--good-fill); }
.bad { color: var(--bad); background: var(--bad-fill); }
.ladder { display: flex; flex-wrap: wrap; gap: .4rem; list-style: none; margin: 0; padding: 0; font-size: .85rem; }
.ladder li { border: 1px solid var(--line); border-radius: 999px; padding: .15rem .75rem; color: var(--soft); }
.ladder .passed { background: var(--good-fill); color: var(--good); border-color: transparent; }
.ladder .here { background: var(--here); color: var(--on-here); border-color: transparent; font-weight: 600; }
.ladder small { opacity: .8; }
@media print { .wide { overflow: visible; } }
`;
