/** The pages and their addresses. */
import { lazy, Suspense } from 'react';
import { Navigate, Route, Routes } from 'react-router';

import { BotPage } from './pages/bot';
import { Home } from './pages/home';
import { NewBot } from './pages/new-bot';
import { Alone, SignIn } from './pages/sign-in';
import { Loading, Problem } from './parts/said';
import { Shell } from './parts/shell';
import { useSession } from './session';

/** Fetched by who opens them. */
const Questions = lazy(() => import('./pages/questions'));
const Training = lazy(() => import('./pages/training'));
const Findings = lazy(() => import('./pages/findings'));
const Channels = lazy(() => import('./pages/channels'));
const Process = lazy(() => import('./pages/process'));
const Conversations = lazy(() => import('./pages/conversations'));
const Misses = lazy(() => import('./pages/misses'));
const Tests = lazy(() => import('./pages/tests'));
const Analytics = lazy(() => import('./pages/analytics'));
const Project = lazy(() => import('./pages/project'));
const Waiting = lazy(() => import('./pages/conversations/waiting'));
const BotAccess = lazy(() => import('./pages/access/bot'));
const Settings = lazy(() => import('./pages/settings'));
const DeadLetters = lazy(() => import('./pages/dead-letters'));

export function App() {
  const { self, problem, refresh } = useSession();
  if (self === null) return <SignIn />;
  if (!self)
    return problem === null ? (
      <Loading />
    ) : (
      <Alone>
        <Problem error={problem} retry={refresh} />
      </Alone>
    );
  return (
    <Shell>
      <Suspense fallback={<Loading />}>
        <Routes>
          <Route index element={<Home />} />
          <Route path="new" element={<NewBot />} />
          <Route path="waiting" element={<Waiting />} />
          <Route path="dead-letters" element={<DeadLetters />} />
          <Route path="settings/:part?" element={<Settings />} />
          <Route path="bots/:appId" element={<BotPage />}>
            <Route index element={<Questions />} />
            <Route path="conversations/:id?" element={<Conversations />} />
            <Route path="misses" element={<Misses />} />
            <Route path="tests/:part?" element={<Tests />} />
            <Route path="analytics" element={<Analytics />} />
            <Route path="project/*" element={<Project />} />
            <Route path="training" element={<Training />} />
            <Route path="findings" element={<Findings />} />
            <Route path="channels" element={<Channels />} />
            <Route path="process" element={<Process />} />
            <Route path="access/:part?" element={<BotAccess />} />
          </Route>
          <Route path="*" element={<Navigate to="/" replace />} />
        </Routes>
      </Suspense>
    </Shell>
  );
}
