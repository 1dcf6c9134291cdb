type Links = { readonly style: string; readonly icon: string }

/** The page: no script or style of its own, so that the policy below can forbid both. */
export function docsPage({ style, icon }: Links, scripts: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>CSR Backbone</title>
    <link rel="stylesheet" href="${style}">
    <link rel="icon" type="image/png" href="${icon}">
  </head>
  <body>
    <noscript>The same document is at <a href="/openapi.json">/openapi.json</a>.</noscript>
    <div id="docs"></div>
${scripts.map((script) => `    <script src="${script}" defer></script>\n`).join('')}  </body>
</html>
`
}

/** `validatorUrl: null`: the document is sent to nobody. Tokens typed into the page are forgotten with it. */
export const startScript = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'none',
  persistAuthorization: false,
  validatorUrl: null,
})
`

/** Only this origin, nothing inline, in nobody's frame. Pictures of the style sheet are data addresses. */
export const docsPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')
