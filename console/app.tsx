/** The pages and their addresses. */
import { lazy, Suspense } from 'react';
import { Navigate, Route, Routes } from 'react-router';

import { BotPage } from './pages/bot';
import { Home } from './pages/home';
import { NewBot } from './pages/new-bot';
import { SignIn } from './pages/sign-in';
import { Loading } from './parts/said';
import { Shell } from './parts/shell';
import { useSession } from './session';

/** Fetched by who opens them. */
const Questions = lazy(() => import('./pages/questions'));
const Training = lazy(() => import('./pages/training'));
const Channels = lazy(() => import('./pages/channels'));
const Process = lazy(() => import('./pages/process'));
const DeadLetters = lazy(() => import('./pages/dead-letters'));

export function App() {
  const { api } = useSession();
  if (!api) return <SignIn />;
  return (
    <Shell>
      <Suspense fallback={<Loading />}>
        <Routes>
          <Route index element={<Home />} />
          <Route path="new" element={<NewBot />} />
          <Route path="dead-letters" element={<DeadLetters />} />
          <Route path="bots/:appId" element={<BotPage />}>
            <Route index element={<Questions />} />
            <Route path="training" element={<Training />} />
            <Route path="channels" element={<Channels />} />
            <Route path="process" element={<Process />} />
          </Route>
          <Route path="*" element={<Navigate to="/" replace />} />
        </Routes>
      </Suspense>
    </Shell>
  );
}
