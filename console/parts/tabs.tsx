/** A page of parts, each with an address of its own. */
import { Tabs } from '@mantine/core';
import type { ReactNode } from 'react';
import { Navigate, useNavigate, useParams } from 'react-router';

export interface Part {
  name: string;
  label: string;
  body: ReactNode;
}
/** `path`: the page's, without the part; it opens the first one. */
export function Parts({ path, parts }: { path: string; parts: Part[] }) {
  const navigate = useNavigate();
  const { part } = useParams();
  const current = parts.find(({ name }) => name === (part ?? parts[0]?.name));
  if (!current) return <Navigate to={path} replace />;
  return (
    <Tabs value={current.name} onChange={(name) => void navigate(`${path}/${name ?? ''}`)} keepMounted={false}>
      <Tabs.List mb="lg">
        {parts.map(({ name, label }) => (
          <Tabs.Tab key={name} value={name}>
            {label}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {parts.map(({ name, body }) => (
        <Tabs.Panel key={name} value={name}>
          {body}
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}
