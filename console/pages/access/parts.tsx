/** What the pages about people and keys share. */
import { Alert, Button, Code, CopyButton, Group, Modal, Select, type SelectProps, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';

import { roles, type RoleWord } from '../../api-access';

/** `none`: what it is called to have no role, where that can be. */
export function RoleChoice({
  value,
  change,
  none,
  ...more
}: {
  value: RoleWord | null;
  change: (role: RoleWord | null) => void;
  none?: string;
} & Omit<SelectProps, 'value' | 'onChange' | 'data'>) {
  const { t } = useTranslation();
  return (
    <Select
      data={[
        ...(none === undefined ? [] : [{ value: '', label: none }]),
        ...roles.map((role) => ({ value: role, label: t(`role.${role}`) })),
      ]}
      value={value ?? ''}
      onChange={(chosen) => change(roles.find((role) => role === chosen) ?? null)}
      allowDeselect={false}
      {...more}
    />
  );
}

/** A secret that is never shown again: a key, or a link. */
export function Shown({
  title,
  text,
  secret,
  close,
}: {
  title: string;
  text: string;
  secret: string;
  close: () => void;
}) {
  const { t } = useTranslation();
  return (
    <Modal opened onClose={close} title={title} closeButtonProps={{ 'aria-label': t('close') }} size="lg">
      <Alert color="yellow" variant="light" mb="md">
        {text}
      </Alert>
      <Code block style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }} data-testid="secret">
        {secret}
      </Code>
      <Group justify="flex-end" mt="md">
        <CopyButton value={secret}>
          {({ copied, copy }) => (
            <Button variant="default" onClick={copy}>
              {t(copied ? 'copied' : 'copy')}
            </Button>
          )}
        </CopyButton>
        <Button onClick={close}>{t('access.kept')}</Button>
      </Group>
    </Modal>
  );
}

export function Expires({ at }: { at: string | null }) {
  const { t, i18n } = useTranslation();
  if (at === null) return <Text size="sm">{t('keys.noEnd')}</Text>;
  return <Text size="sm">{new Intl.DateTimeFormat(i18n.language, { dateStyle: 'medium' }).format(new Date(at))}</Text>;
}
