// Command hook stands around a charm while it is timed. It is called by two kinds of names.
//
// As dispatch it runs the charm, and notes how long that took and what processor time it used. As a hook
// tool it gives the answer that the stage gave the first time, so that all charms find tools that cost the
// same and next to nothing; every call is noted.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	name := filepath.Base(os.Args[0])
	work := tool
	if name == "dispatch" {
		work = dispatch
	}
	code, err := work(name, os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "cannot run %s: %v\n", name, err)
		code = 1
	}
	os.Exit(code)
}

// dispatch runs the charm as Juju's own dispatch script does, and notes its time.
func dispatch(_ string, _ []string) (int, error) {
	charm := exec.Command("python3", filepath.Join(os.Getenv("CHARM_DIR"), "src", "charm.py"))
	charm.Stdout, charm.Stderr = os.Stdout, os.Stderr
	began := time.Now()
	if err := charm.Run(); err != nil {
		if ended, is := err.(*exec.ExitError); is {
			return ended.ExitCode(), nil
		}
		return 1, err
	}
	took, state := time.Since(began), charm.ProcessState
	processor := state.UserTime() + state.SystemTime()
	return 0, note("times", fmt.Sprintf("%d %d\n", took.Microseconds(), processor.Microseconds()))
}

func tool(name string, arguments []string) (int, error) {
	if err := note("calls", name+" "+strings.Join(arguments, " ")+"\n"); err != nil {
		return 1, err
	}
	question := strings.Join(append([]string{name, ""}, arguments...), "\x00")
	digest := sha256.Sum256([]byte(question))
	kept := filepath.Join(os.Getenv("CHARM_DIR"), "answers", hex.EncodeToString(digest[:8]))
	if name == "juju-log" {
		// Each has a text of its own; none has an answer.
		return 0, nil
	}
	answer, err := os.ReadFile(kept)
	if err != nil {
		if answer, err = ask(question); err != nil {
			return 1, err
		}
		// A charm that isn't timed has nowhere to keep answers: the stage answers it each time.
		if err := os.WriteFile(kept, answer, 0o600); err != nil && !errors.Is(err, os.ErrNotExist) {
			return 1, err
		}
	}
	parts := bytes.SplitN(answer, []byte{0}, 3)
	if len(parts) != 3 {
		return 1, fmt.Errorf("the stage gave no answer")
	}
	os.Stdout.Write(parts[1])
	os.Stderr.Write(parts[2])
	return strconv.Atoi(string(parts[0]))
}

// ask has the stage answer; see stage/socketry.py for what goes over the socket.
func ask(question string) ([]byte, error) {
	connection, err := net.Dial("unix", os.Getenv("STAGE_SOCKET"))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	body := []byte(os.Getenv("JUJU_CONTEXT_ID") + "\x00" + question)
	message := append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
	if _, err := connection.Write(message); err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(connection)
	if err != nil || len(answer) < 4 {
		return nil, fmt.Errorf("the stage gave no answer: %v", err)
	}
	return answer[4:], nil
}

// note appends to a file beside the charm.
func note(name, text string) error {
	path := filepath.Join(os.Getenv("CHARM_DIR"), name)
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(text)
	return err
}
