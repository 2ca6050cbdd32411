/** The one list of chat channels. A new one is a file here and a line below; see README.md. */
import type { Connector } from '../src/contracts.js';
import { createRestConnector, type RestOptions } from './rest.js';
import { createSlackConnector, type SlackOptions } from './slack.js';
import { createTeamsConnector, type TeamsOptions } from './teams.js';
import { createTelegramConnector, type TelegramOptions } from './telegram.js';
import { createWebConnector, type WebOptions } from './web.js';

/** What the connectors need from the app, each by its name. */
export interface ConnectorOptions {
  web: WebOptions;
  slack: SlackOptions;
  telegram: TelegramOptions;
  teams: TeamsOptions;
  rest: RestOptions;
}

/** One connector per platform. */
export function createConnectors(options: ConnectorOptions): Connector[] {
  return [
    createWebConnector(options.web),
    createSlackConnector(options.slack),
    createTelegramConnector(options.telegram),
    createTeamsConnector(options.teams),
    createRestConnector(options.rest),
  ];
}
