/** How the console is built. `npx vite console` serves it while it is worked on, with the API of a hub on port 5005. */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  base: '/console/',
  plugins: [react()],
  // What is inlined as data: URLs would be refused by the page's content policy.
  build: {
    outDir: '../dist/console',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    // Browsers that know light-dark(), by which the console's own styles follow the theme.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  logLevel: 'warn',
  server: { proxy: { '/api': 'http://127.0.0.1:5005' } },
});
