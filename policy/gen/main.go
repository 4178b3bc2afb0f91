// Gen turns the CSV of a policy into Go constants: its roles, kinds, actions and permissions. A
// misspelt name does not compile, and a test that is generated beside the constants finds the
// kind–action pairs that no rule knows, before they ship.
//
// A host adds the generator to its module once, and runs it with go generate:
//
//	go get -tool github.com/castellan-iam/castellan/policy/gen
//
//	//go:generate go tool gen -csv policy.csv
//
// With policy.csv it writes vocabulary_gen.go and vocabulary_gen_test.go. Several -csv flags, for
// two editions of one product, make one vocabulary of them all. With -check it writes nothing and
// fails when the files are not what it would write.
//
// # Names
//
// A constant is the name in the CSV without its dots, colons and underscores, each word with a
// capital and initialisms as Go writes them: deployment.tls is DeploymentTLS, start_stop is
// StartStop, deployment.tls:manage is DeploymentTLSManage. Custom roles (support@acme) are data
// of one organisation and get no constant.
//
// Where two names would be the same, kinds go first, then actions, then roles, then permissions:
// the first keeps its name, and each later one takes Kind, Action, Role or Permission as a suffix.
// With a kind billing and a role billing, the kind is Billing and the role is BillingRole; with a
// kind settings.mail, the permission settings:mail is SettingsMailPermission. What cannot be told
// apart in this way, such as the kinds a.b and a_b, is an error. The order of the rows never matters.
//
// # Exit status
//
// 0 when all is well, 1 for a mistake in a CSV (printed as file:line: text) and for files that are
// not up to date, 2 for wrong flags.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/castellan-iam/castellan/policy"
)

func main() {
	os.Exit(run(os.Args[1:], os.Getenv("GOPACKAGE"), os.Stderr))
}

// options are the flags.
type options struct {
	csv         []string
	packageName string
	out         string
	policyPath  string // the import path of package policy
	check       bool
}

// run is main without the process; goPackage is the package in which go generate found its line.
func run(args []string, goPackage string, stderr io.Writer) int {
	o, err := parse(args, goPackage, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "gen: %v\n", err)
		return 2
	}
	if err := o.generate(); err != nil {
		var wrong policy.Mistakes
		if !errors.As(err, &wrong) { // those say where they are
			fmt.Fprint(stderr, "gen: ")
		}
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

func parse(args []string, goPackage string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("gen", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Func("csv", "a policy `file`; repeat it for several", func(file string) error {
		o.csv = append(o.csv, file)
		return nil
	})
	flags.StringVar(&o.packageName, "package", goPackage, "the `name` of the package; defaults to that of the go:generate line")
	flags.StringVar(&o.out, "out", "vocabulary_gen.go", "the `file` to write; its test goes beside it")
	flags.StringVar(&o.policyPath, "import", "github.com/castellan-iam/castellan/policy", "the import `path` of package policy")
	flags.BoolVar(&o.check, "check", false, "write nothing, and fail when the files are not up to date")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case len(o.csv) == 0:
		return o, errors.New("-csv is missing: want the policy's file")
	case o.packageName == "":
		return o, errors.New("-package is missing, and this is not run by go generate")
	case !token.IsIdentifier(o.packageName) || o.packageName == "_":
		return o, fmt.Errorf("-package %q is not the name of a package", o.packageName)
	case !strings.HasSuffix(o.out, ".go") || strings.HasSuffix(o.out, "_test.go"):
		return o, fmt.Errorf("-out %q is not a Go file, or a test", o.out)
	case o.policyPath == "" || strings.ContainsAny(o.policyPath, " \"`\\"):
		return o, fmt.Errorf("-import %q is not an import path", o.policyPath)
	}
	return o, nil
}

// generate writes the two files, or compares them with what stands there.
func (o options) generate() error {
	v, err := read(filepath.Dir(o.out), o.csv)
	if err != nil {
		return err
	}
	if err := v.nameAll(o.testName()); err != nil {
		return err
	}
	code, err := o.code(v)
	if err != nil {
		return err
	}
	test, err := o.test(v)
	if err != nil {
		return err
	}
	if o.check {
		return errors.Join(upToDate(o.out, code), upToDate(o.testFile(), test))
	}
	return errors.Join(write(o.out, code), write(o.testFile(), test))
}

// write replaces a file that this command wrote, or makes a new one; it keeps what others wrote.
func write(file string, content []byte) error {
	old, err := os.ReadFile(file)
	switch {
	case err == nil && !bytes.HasPrefix(old, []byte(generatedBy)):
		return fmt.Errorf("%s was not generated by this command, and is left alone", file)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return os.WriteFile(file, content, 0o644)
}

func (o options) testFile() string { return strings.TrimSuffix(o.out, ".go") + "_test.go" }
