import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** The name of this library's folder among those of all programs. */
const OURS = 'webgpu-pose-gan';

/** The home folder, or `undefined` if the system has none (a container's user without an entry, an empty `HOME`). */
function home(): string | undefined {
  try {
    const folder = homedir();
    return isAbsolute(folder) ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** The folder that a variable names, else one below the home folder. Relative paths are ignored, as XDG demands. */
function folderOf(variable: string | undefined, ...below: string[]): string | undefined {
  if (variable && isAbsolute(variable)) return join(variable, OURS);
  const base = home();
  return base && join(base, ...below, OURS);
}

/** The folder for files that can be made again, or `undefined` for a user without a home folder. */
export const cacheFolder = (): string | undefined => folderOf(process.env.XDG_CACHE_HOME, '.cache');

/** The folder for what the user installs, or `undefined` for a user without a home folder. */
export function dataFolder(): string | undefined {
  const { platform, env } = process;
  if (platform === 'darwin') return folderOf(undefined, 'Library', 'Application Support');
  if (platform === 'win32') return folderOf(env.LOCALAPPDATA, 'AppData', 'Local');
  return folderOf(env.XDG_DATA_HOME, '.local', 'share');
}
