// What went wrong while installing, in words that say what to do. Runs on Node 20.

/** Something that cannot be had; the message says what to do. */
export class InstallRefused extends Error {}

/** What a failed installation means, or null. `final`: trying again at once changes nothing. */
export function explainOutput(output, root) {
  const refused = (text) =>
    Object.assign(new InstallRefused(`${text}\n\nThe last lines were:\n${tail(output)}`), { final: true })
  if (/npx: spawn npx ENOENT|npx: not found/.test(output)) {
    return refused(
      'npx is not to be found. It comes with npm: install npm (Debian: apt install npm) and run this again.',
    )
  }
  if (/ENOSPC|EDQUOT|no space left/i.test(output)) {
    return refused(
      `The disk is full. The packages need about 1 GB in ${root} and in the package manager's store. Make room and run this again.`,
    )
  }
  if (/EROFS|EACCES|EPERM|permission denied/i.test(output)) {
    return refused(
      `Something may not be written. ${root} and your home folder must be writable for the user who runs this.`,
    )
  }
  if (/ERR_PNPM_OUTDATED_LOCKFILE/.test(output)) {
    return refused('pnpm-lock.yaml does not match the package.json files. Take both from the same commit.')
  }
  if (
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|SOCKET_TIMEOUT|META_FETCH_FAIL|fetch failed|network/i.test(
      output,
    )
  ) {
    return refused(
      'The package registry cannot be reached. Check the network, a proxy (HTTPS_PROXY) and the registry npm is set to ' +
        '(npm config get registry), then run this again: it goes on where it stopped.',
    )
  }
  if (/E404|ERR_PNPM_FETCH_404|ERR_PNPM_NO_MATCHING/.test(output)) {
    return refused(
      'The package registry does not have one of the packages. Is npm set to a mirror that lacks it (npm config get registry)?',
    )
  }
  return null
}

/** The last lines that say something. */
export function tail(output) {
  const lines = output.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('Progress:'))
  return lines
    .slice(-12)
    .map((line) => `  ${line}`)
    .join('\n')
}

/** A file error in words, or the error itself. */
export function explainFileError(error, root) {
  if (error?.code === 'ENOSPC' || error?.code === 'EDQUOT') {
    return new InstallRefused(`The disk that holds ${root} is full. Make room (about 1 GB) and run this again.`)
  }
  if (error?.code === 'EACCES' || error?.code === 'EPERM' || error?.code === 'EROFS') {
    return new InstallRefused(
      `${root} cannot be written (${error.code}), but packages have to be installed there. ` +
        'Make it writable for this user, or copy the project to a folder that is.',
    )
  }
  return error
}
