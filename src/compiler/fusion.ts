/** The passes that fuse elementwise ops into other kernels; a plan without fusion does not load them. */
export { absorb } from './absorb.js';
export { distribute } from './distribute.js';
export { extend } from './extend.js';
export { fuse } from './fuse.js';
export { hoist } from './hoist.js';
export { prepare } from './prepare.js';
