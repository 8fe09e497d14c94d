export { startTeams, type TeamsOptions } from './service.js';
