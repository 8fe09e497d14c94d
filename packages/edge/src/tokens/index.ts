export { tokenInterceptor } from './client-tokens.js';
export { tokenServerInterceptor, type ServerTokenOptions } from './server-tokens.js';
export { shows, type Shown, type ShownVersion } from './shown.js';
