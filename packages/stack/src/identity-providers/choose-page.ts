import type { DemoPerson } from './demo-people.ts'

/** A page to say who one is. Every button is one person; pressing it posts `login` with the address. */
export function choosePage(title: string, people: readonly DemoPerson[]): string {
  const buttons = people.map(
    ({ email, name, role }) =>
      `<li><button name="login" value="${email}">${name}<br><small>${email}, ${role ?? 'not known here'}</small></button></li>`,
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
</head>
<body>
<h1>${title}</h1>
<p>A provider for development. Nobody here exists; choose who you are.</p>
<form method="post">
<ul>
${buttons.join('\n')}
</ul>
</form>
</body>
</html>
`
}
