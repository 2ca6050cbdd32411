/** What is offered only to those who may do it. */
import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

import type { RightWord } from '../api-access';
import { useMay } from '../session';

interface OnlyProps {
  right: RightWord;
  /** The APP_ID; absent: the hub as a whole. */
  on?: string;
  children: ReactNode;
}
export function Only({ right, on, children }: OnlyProps) {
  const may = useMay();
  return may(right, on) && children;
}

/** A form that those who may not change it can read. */
export function Guarded({ right, on, children }: OnlyProps) {
  const { t } = useTranslation();
  const may = useMay();
  if (may(right, on)) return children;
  return (
    <fieldset disabled style={{ border: 0, margin: 0, padding: 0, minWidth: 0 }}>
      <Text size="sm" className="sb-quiet" mb="xs">
        {t('only.read')}
      </Text>
      {children}
    </fieldset>
  );
}
