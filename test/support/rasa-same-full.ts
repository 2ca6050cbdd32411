/** Loaded before the tests by `npm run test:rasa-same`: all projects and all texts instead of a few. */
process.env['SWITCHBOARD_RASA_SAME'] = 'full';
