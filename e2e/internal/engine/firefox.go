package engine

import (
	"crypto/x509"
	"regexp"
)

// firefoxPreferences spare what no page needs, to be ready sooner.
const firefoxPreferences = `
user_pref("browser.startup.page", 0);
user_pref("browser.newtabpage.enabled", false);
user_pref("browser.backup.enabled", false);
user_pref("app.normandy.enabled", false);
user_pref("app.update.enabled", false);
user_pref("extensions.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("dom.ipc.processPrelaunch.enabled", false);
`

func firefoxArgs(profile, _ string, _ *x509.Certificate) []string {
	return []string{"--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0"}
}

// firefoxReady matches what Firefox says when it can be told what to do.
var firefoxReady = regexp.MustCompile(`^WebDriver BiDi listening on (ws://\S+)`)

func firefoxLine(s *Session, line string) {
	if m := firefoxReady.FindStringSubmatch(line); m != nil {
		go drive(s, m[1]+"/session")
	}
	s.note(line)
}
