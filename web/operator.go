package web

import "time"

func (s *site) operatorRoutes() []route {
	return []route{{pattern: "GET " + root + "/operator", who: operators, page: s.operatorHome}}
}

// organizationLine is an organization as the operator's surface shows it.
type organizationLine struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

// operatorHome lists the organizations.
func (s *site) operatorHome(v *view) error {
	var list struct{ Data []organizationLine }
	if err := v.get("/admin/v1/organizations", &list); err != nil {
		return err
	}
	return v.render("Operator", operatorPage(v, list.Data))
}
