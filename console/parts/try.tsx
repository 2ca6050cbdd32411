/** The pane to try a bot: what it answers, beside what it understood and how long that took; any version beside the one that answers. */
import { ActionIcon, Anchor, Badge, Card, Group, Image, Select, Stack, Text, TextInput, Title } from '@mantine/core';
import { type SyntheticEvent, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { BotMessageWire } from '../../src/wire';
import type { BotWire } from '../api';
import { useTopics } from '../queries';
import { useAddress } from './address';
import { Icon } from './icons';
import { LanguageSelect, useBotLanguages } from './languages';
import { type Said, useTalk } from './try-talk';
import { Understanding } from './understood';
import { useVersionChoices } from './versions';

function Reply({ reply, press }: { reply: BotMessageWire; press: (payload: string) => void }) {
  return (
    <div className="sb-bubble" data-mine={false}>
      {reply.text}
      {reply.image && <Image src={reply.image} alt="" radius="sm" mt={4} />}
      {reply.buttons && (
        <Group gap={6} mt={6}>
          {reply.buttons.map(({ title, payload }) => (
            <Anchor key={payload} component="button" type="button" size="sm" onClick={() => press(payload)}>
              {title}
            </Anchor>
          ))}
        </Group>
      )}
      {reply.custom !== undefined && <Text size="xs">{JSON.stringify(reply.custom)}</Text>}
    </div>
  );
}

interface AnswerProps {
  said: Said;
  bot: BotWire;
  topics: ReadonlyMap<string, string>;
  press: (payload: string) => void;
}
function Answer({ said, bot, topics, press }: AnswerProps) {
  const { t } = useTranslation();
  const { replies, problem, understood, ms } = said;
  return (
    <>
      {replies?.map((reply, index) => (
        <Reply key={index} reply={reply} press={press} />
      ))}
      {replies?.length === 0 && (
        <Text size="xs" className="sb-quiet">
          {t('try.silent')}
        </Text>
      )}
      {!replies && !problem && (
        <Text size="xs" className="sb-quiet">
          {bot.trainingJob ? t('try.training') : t('try.waiting')}
        </Text>
      )}
      {problem && (
        <Text size="sm" c="red" role="alert">
          {problem}
        </Text>
      )}
      {understood && <Understanding understood={understood} ms={ms} topics={topics} />}
    </>
  );
}

const wordsOf = ({ replies }: Said): string =>
  JSON.stringify(replies?.map(({ recipient_id: _who, metadata: _metadata, ...words }) => words));
/** The other version's answer, and whether it is another one. */
function Other({ said, ...more }: AnswerProps & { now: Said }) {
  const { t } = useTranslation();
  const { now } = more;
  const both = said.replies !== undefined && now.replies !== undefined;
  return (
    <div className="sb-other" data-testid="other">
      <Group gap={6} mb={6}>
        <Text size="xs" fw={600}>
          {t('try.other')}
        </Text>
        {both && (
          <Badge size="sm" variant="filled" color={wordsOf(said) === wordsOf(now) ? 'teal.9' : 'ink'} tt="none">
            {t(wordsOf(said) === wordsOf(now) ? 'try.same' : 'try.differs')}
          </Badge>
        )}
      </Group>
      <Stack gap={6}>
        <Answer {...more} said={said} />
      </Stack>
    </div>
  );
}

interface WhichProps {
  bot: BotWire;
  version: string | null;
  choose: (version: string | null) => void;
  language: string | null;
  speak: (language: string) => void;
}
/** Which version is tried beside the one that answers, and in which of the bot's languages. */
function Which({ bot, version, choose, language, speak }: WhichProps) {
  const { t } = useTranslation();
  const others = useVersionChoices(bot.appId).filter(({ value }) => value !== bot.activeModel);
  const languages = useBotLanguages(bot);
  return (
    <>
      {others.length > 0 && (
        <Select
          size="xs"
          mb="xs"
          aria-label={t('try.beside')}
          placeholder={t('try.beside')}
          data={others}
          value={version}
          onChange={choose}
          clearable
          {...(version !== null && { description: t('try.besideText') })}
          inputWrapperOrder={['input', 'description']}
        />
      )}
      {languages.length > 1 && (
        <LanguageSelect
          size="xs"
          mb="xs"
          aria-label={t('try.language')}
          value={language ?? bot.language}
          change={speak}
          among={languages}
        />
      )}
    </>
  );
}

export function TryPane({ bot }: { bot: BotWire }) {
  const { t } = useTranslation();
  const { search, change } = useAddress();
  const asked = search.get('try');
  const [language, setLanguage] = useState<string | null>(null);
  const version = asked === bot.activeModel ? null : asked;
  const { talk, say, clear } = useTalk(bot.appId, { version, language });
  const topics = useTopics(bot.appId);
  const [text, setText] = useState('');
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => void end.current?.scrollIntoView({ block: 'nearest' }), [talk]);
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (text.trim() === '') return;
    say(text);
    setText('');
  };
  return (
    <Card withBorder component="section" aria-label={t('try.title')} className="sb-try">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h5">
          {t('try.title')}
        </Title>
        {talk.length > 0 && (
          <Anchor component="button" type="button" size="xs" onClick={clear}>
            {t('try.clear')}
          </Anchor>
        )}
      </Group>
      <Which
        bot={bot}
        version={version}
        choose={(chosen) => change({ try: chosen ?? '' })}
        language={language}
        speak={setLanguage}
      />
      <div role="log" aria-label={t('try.log')} tabIndex={0} className="sb-try-log">
        <Stack gap="xs">
          {talk.length === 0 && (
            <Text size="sm" className="sb-quiet">
              {bot.activeModel === null && bot.trainingJob === null ? t('try.untrained') : t('try.empty')}
            </Text>
          )}
          {talk.map((one) => (
            <Stack key={one.id} gap={6}>
              <div className="sb-bubble" data-mine>
                {one.text}
              </div>
              <Answer said={one} bot={bot} topics={topics} press={say} />
              {one.other && <Other said={one.other} now={one} bot={bot} topics={topics} press={say} />}
            </Stack>
          ))}
          <div ref={end} />
        </Stack>
      </div>
      <form onSubmit={submit}>
        <TextInput
          mt="sm"
          aria-label={t('try.say')}
          placeholder={t('try.say')}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          maxLength={8000}
          rightSection={
            <ActionIcon type="submit" variant="subtle" aria-label={t('try.send')}>
              <Icon name="send" size={16} />
            </ActionIcon>
          }
        />
      </form>
    </Card>
  );
}
