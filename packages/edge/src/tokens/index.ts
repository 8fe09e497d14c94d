export { tokenInterceptor } from './client-tokens.js';
export { tokenServerInterceptor } from './server-tokens.js';
