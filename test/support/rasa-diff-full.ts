/** Loaded before the tests by `npm run test:rasa-diff`: all requests instead of some. */
process.env['SWITCHBOARD_RASA_DIFF'] = 'full';
