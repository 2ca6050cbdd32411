/** Where a Kafka is, as one URL: `kafka://USER:PASSWORD@HOST:9092,HOST2:9092/TOPIC?tls=true`. */

export interface KafkaPlace {
  brokers: string[];
  topic: string;
  /** With which the brokers are spoken to encrypted, by the authorities that Node trusts. */
  tls: boolean;
  sasl: { mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'; username: string; password: string } | null;
  /** The other parameters of the URL. */
  more: Record<string, string>;
}

const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
const form =
  /^kafka:\/\/(?:([^:@/]*):([^@/]*)@)?([\w.-]+(?::\d{1,5})?(?:,[\w.-]+(?::\d{1,5})?)*)\/([\w.-]{1,249})(?:\?(.*))?$/;

/** Null when it is no such URL. `more`: which other parameters it may have. */
export function kafkaPlaceOf(url: string, more: readonly string[] = []): KafkaPlace | null {
  const [, username, password, hosts = '', topic = '', query = ''] = form.exec(url) ?? [];
  if (hosts === '') return null;
  const { tls = 'false', sasl = 'PLAIN', ...rest } = Object.fromEntries(new URLSearchParams(query));
  const mechanism = mechanisms.find((one) => one === sasl.toUpperCase());
  if (!mechanism || !['true', 'false'].includes(tls) || Object.keys(rest).some((name) => !more.includes(name)))
    return null;
  const decoded = (text: string): string => decodeURIComponent(text);
  return {
    brokers: hosts.split(',').map((host) => (host.includes(':') ? host : `${host}:9092`)),
    topic,
    tls: tls === 'true',
    sasl: username === undefined ? null : { mechanism, username: decoded(username), password: decoded(password ?? '') },
    more: rest,
  };
}

/** The URL without user, password and parameters, for people. */
export const shownKafkaUrl = ({ brokers, topic }: KafkaPlace): string => `kafka://${brokers.join(',')}/${topic}`;
