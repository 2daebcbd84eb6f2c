import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** This library's name among the folders that a user keeps for all programs. */
const OURS = 'webgpu-pose-gan';

/** The home folder; nothing where the system names none (a container's user without an entry, an empty `HOME`). */
function home(): string | undefined {
  try {
    const folder = homedir();
    return isAbsolute(folder) ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** The folder that a variable names, else one below the home folder. A relative path counts as absent, as XDG rules. */
function folderOf(variable: string | undefined, ...below: string[]): string | undefined {
  if (variable && isAbsolute(variable)) return join(variable, OURS);
  const base = home();
  return base && join(base, ...below, OURS);
}

/** Where this library keeps what can be made again; nothing for a user without a home folder. */
export const cacheFolder = (): string | undefined => folderOf(process.env.XDG_CACHE_HOME, '.cache');

/** Where it keeps what the user installed; nothing for a user without a home folder. */
export function dataFolder(): string | undefined {
  const { platform, env } = process;
  if (platform === 'darwin') return folderOf(undefined, 'Library', 'Application Support');
  if (platform === 'win32') return folderOf(env.LOCALAPPDATA, 'AppData', 'Local');
  return folderOf(env.XDG_DATA_HOME, '.local', 'share');
}
