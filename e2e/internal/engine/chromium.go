package engine

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"regexp"
)

func chromiumArgs(profile, url string, trust *x509.Certificate) []string {
	args := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--enable-logging=stderr", "--v=0", "--user-data-dir=" + profile, "--remote-debugging-port=0",
	}
	if trust != nil {
		sum := sha256.Sum256(trust.RawSubjectPublicKeyInfo)
		args = append(args, "--ignore-certificate-errors-spki-list="+base64.StdEncoding.EncodeToString(sum[:]))
	}
	return append(args, url)
}

// chromiumConsole matches what Chromium logs of a message on the console.
var chromiumConsole = regexp.MustCompile(`:CONSOLE\W\d+\W.*? "(.*)", source: `)

func chromiumLine(s *Session, line string) {
	if m := chromiumConsole.FindStringSubmatch(line); m != nil {
		s.say(m[1])
	} else {
		s.note(line)
	}
}
