export { startProjects, type ProjectsOptions } from './service.js';
