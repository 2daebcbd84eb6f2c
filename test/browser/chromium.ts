import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { packageProblem, unpacked } from '../../src/node/chromium-package.js';
import { writeFileAtomic } from '../../src/node/files.js';

/** These flags enable WebGPU on Chromium's own SwiftShader, whatever GPU the machine has. */
const FLAGS = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

/**
 * Starts a headless Chromium with WebGPU on SwiftShader: the one in the npm package `@sparticuz/chromium` (Linux x64),
 * or the one that the variable POSE_GAN_CHROMIUM names. `args` replaces the flags that enable WebGPU.
 */
export async function launchChromium(args: readonly string[] = FLAGS): Promise<Browser> {
  const own = process.env.POSE_GAN_CHROMIUM;
  const problem = own ? undefined : packageProblem();
  if (problem)
    throw new Error(`there is no Chromium for the browser tests: ${problem}. Or set POSE_GAN_CHROMIUM to one’s path.`);
  const { executablePath, env } = own ? { executablePath: own, env: {} } : packaged();
  try {
    return await chromium.launch({
      executablePath,
      headless: true,
      // Chromium refuses to run as root with a sandbox.
      args: ['--headless=shell', '--no-sandbox', ...args],
      env: { ...(process.env as Record<string, string>), ...env },
    });
  } catch (error) {
    throw new Error(`${executablePath} does not start (another can be named by POSE_GAN_CHROMIUM): ${error}`);
  }
}

/** Returns the package's Chromium with the libraries and fonts that minimal systems lack. */
function packaged() {
  const { folder } = unpacked('chromium', 'all');
  const LD_LIBRARY_PATH = [join(folder, 'lib'), folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
  // The configuration of the package looks for fonts in other folders.
  const FONTCONFIG_FILE = join(folder, 'here.conf');
  const dirs = [join(folder, 'fonts'), '/usr/share/fonts'].map((dir) => `<dir>${dir}</dir>`).join('');
  const text = `<?xml version="1.0"?><fontconfig>${dirs}<cachedir>${folder}</cachedir></fontconfig>`;
  writeFileAtomic(FONTCONFIG_FILE, text, { sync: false });
  return { executablePath: join(folder, 'chromium'), env: { LD_LIBRARY_PATH, FONTCONFIG_FILE } };
}
