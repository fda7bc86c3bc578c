// Package webtest tries the pages in a real browser, against the real program on a database of its own.
//
// It owns one Chromium for all tests, the windows that they hand on to each other, a running program for each test, and the checks that every
// page has to pass. It must not know how pages are made: it sees what readers see. Nothing holds an element from one call to the next, for streams and htmx replace them at any
// time; see hands_test.go.
//
// # To write a test
//
//	b := startBrowser(t, newProgram(t))      // a window with nothing in it of other tests
//	b.signIn()                               // with the development key; no page is open yet
//	b.open("/developers/subscriptions")
//	b.click(`a[href$="/new"]`)
//	b.fill("#endpoint", "https://hooks.example.com/")
//	b.click("form#subscription .row button.button--main") // waits for the page that it leads to
//	b.see("Subscription created.")
//	b.look()                                 // axe in light and dark, on a desktop and on a phone, no sideways scrolling
//
// A test fails by itself at its end where the console has an error, the content security policy was violated, or anything was asked from
// elsewhere. program.api calls the API, to prepare data. Without Chromium the tests fail and say how to install it.
//
// Every page has a line in pages_test.go, where all pages are visited and looked at with hostile content in them; what an author adds tests
// for is what a page does. They look at what that visit does not reach: errors, dialogs, empty pages, what comes back after a click. A look
// costs as much as four pages.
//
// walk_test.go is the way of a customer from the first page to the last.
// visits_test.go covers what answers say without a window, all on one program.
// links_test.go follows every link and form: a page that nothing leads to, a dead end, or an action without its call fails there.
// keyboard_pages_test.go goes through pages with Tab alone, and company_test.go is a part of the scene that is no test.
//
// -screenshots DIR takes pictures of the pages instead of testing them: make screenshots.
//
// Read in this order: program_test.go, browser_test.go, windows_test.go, hands_test.go, look_test.go, pages_test.go, scenes_test.go, walk_test.go, subscriptions_test.go; traffic_test.go,
// deliveries_test.go and events_test.go, which share a program with traffic; sandbox_test.go, keyboard_test.go, zones_test.go, https_test.go, screenshots_test.go,
// picture_test.go, paint_test.go.
package webtest
