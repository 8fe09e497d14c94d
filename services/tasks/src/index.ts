export { startTasks, type TasksOptions } from './service.js';
