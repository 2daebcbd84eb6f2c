/** This library's version, as in package.json; written into the files it makes. */
export const VERSION = '0.1.0';
