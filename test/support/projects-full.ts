/** Loaded before the tests by `npm run test:projects`: all six projects, beside plain Rasa, instead of one. */
process.env['SWITCHBOARD_PROJECTS'] = 'full';
