// Before the first paint, and a file of its own: the page's content security policy admits no inline script.
try {
  const theme = localStorage.getItem('banyan.theme');
  if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
} catch {
  // Storage is closed to this page: the system's theme holds.
}
