/** Starts the console. */
import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import './console.css';

import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router';

import { HubRefusal } from './api';
import { App } from './app';
import { startLanguages } from './i18n';
import { Fallen } from './parts/fallen';
import { SessionProvider } from './session';
import { theme, variables } from './theme';

/** Styles that are written at run time carry the nonce of the page's content policy. */
const nonce = document.querySelector('meta[name="csp-nonce"]')?.getAttribute('content') ?? '';
Object.assign(globalThis, { __webpack_nonce__: nonce });

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5000,
      // What the hub refuses it will refuse again.
      retry: (count, error) => !(error instanceof HubRefusal) && count < 2,
    },
  },
});

await startLanguages();
const root = document.getElementById('root');
if (!root) throw new Error('the page has no #root');
createRoot(root).render(
  <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto" getStyleNonce={() => nonce}>
    <Notifications position="bottom-left" limit={3} containerWidth={212} />
    <Fallen>
      <QueryClientProvider client={queries}>
        <SessionProvider>
          <BrowserRouter basename="/console">
            <App />
          </BrowserRouter>
        </SessionProvider>
      </QueryClientProvider>
    </Fallen>
  </MantineProvider>,
);
