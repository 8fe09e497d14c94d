import { defineConfig, loadEnv } from 'vite';

/** `npm run dev -w dashboard` serves the page from its sources, and asks a running gateway for everything else. */
export default defineConfig(({ mode }) => {
  const { GATEWAY_URL = 'http://127.0.0.1:8080' } = loadEnv(mode, import.meta.dirname, 'GATEWAY');
  return {
    root: import.meta.dirname,
    build: {
      target: ['chrome123', 'firefox125', 'safari17.5'],
      assetsInlineLimit: 0,
      reportCompressedSize: false,
      // How long its plugins took is no news to who installs.
      rolldownOptions: { checks: { bundlerTimings: false } },
    },
    server: { host: '127.0.0.1', proxy: { '/api': GATEWAY_URL } },
  };
});
