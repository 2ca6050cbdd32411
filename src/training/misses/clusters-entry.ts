/** The far end of a clustering in a thread of its own. */
import { answerOnce } from '../thread.js';
import { type Clustering, clustersOf } from './clusters.js';

answerOnce((question) => clustersOf(question as Clustering));
