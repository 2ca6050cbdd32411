/** The far end of a comparison in a thread of its own. */
import { answerOnce } from '../thread.js';
import { alikeAmong, type Asked } from './likeness.js';

answerOnce((asked) => alikeAmong(asked as Asked[]));
