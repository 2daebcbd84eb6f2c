export { loadTuning, saveTuning } from './browser-tuning.js';
export * from './index.js';
