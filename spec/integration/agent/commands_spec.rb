# frozen_string_literal: true

require "digest"
require "json"
require_relative "../../support/fleet/context"

RSpec.describe "flockctl" do
  # Nothing here stops anything; the nodes are shared.
  before(:context) do
    @fleet = Fleet.new
    @hub = @fleet.hub("hub0")
    @node = @fleet.join("node1")
    @node.converge!(<<~RUBY)
      execute 'works' do
        command 'true'
        action :nothing
      end
      execute 'fails' do
        command 'exit 7'
        action :nothing
      end
      file '#{@fleet.dir}/precious' do
        content 'x'
      end
      file '#{@fleet.dir}/secret-plan' do
        content 'x'
        sensitive true
        action :nothing
      end
    RUBY
    @off = @fleet.join("off1")
    @off.stop
  end

  after(:context) { @fleet.close }

  attr_reader :fleet, :hub, :node

  # Data on stdout, in each format; talk on stderr.
  def formats(*command, name:)
    json = JSON.parse(hub.flockctl!(*command, "--format", "json"))
    rows = json.is_a?(Array) ? json : [json]
    lines = hub.flockctl!(*command, "--format", "jsonl").lines.map { |line| JSON.parse(line) }
    expect(lines.map { |row| row[name] }).to eq(rows.map { |row| row[name] })
    expect(hub.flockctl!(*command, "--format", "names").lines(chomp: true)).to eq(rows.map { |row| row[name] })
    rows
  end

  def notify(*arguments) = hub.flockctl("notify", *arguments)

  describe "output" do
    it "is a status in all formats" do
      expect(formats("status",
                     name: "name").first).to include("name" => "hub0", "link" => "connected", "members" => Integer)
      expect(hub.flockctl!("status")).to match(/\Ahub0: hub of flock .*, pid #{hub.pid}\nregistry: connected/)
    end

    it "is a list of nodes in all formats" do
      expect(formats("nodes", name: "name").map { |row| row["name"] }).to eq(%w[hub0 node1 off1])
      expect(hub.flockctl!("nodes").lines.first).to match(/\ANAME +PRESENCE +ADDRESS/)
      expect(hub.flockctl!("nodes", "node1", "--format", "names")).to eq("node1\n")
      expect(hub.flockctl("nodes", "nobody")).to have_attributes(exit_code: 3, out: "", err: /no node called nobody/)
    end

    it "is a list of resources in all formats, the names of sensitive ones hashed wherever it is asked for" do
      hashed = "file[\"sha256:#{Digest::SHA256.hexdigest("#{fleet.dir}/secret-plan")[..15]}\"]"
      expect(formats("resources", "node1", name: "key").map { |row| row["key"] })
        .to contain_exactly("execute[works]", "execute[fails]", "file[#{fleet.dir}/precious]", hashed)
      %w[text json jsonl names].product([hub, node]).each do |format, from|
        shown = from.flockctl("resources", "node1", "--format", format)
        expect(shown).to have_attributes(exit_code: 0,
                                         out: include(format.start_with?("json") ? hashed.dump[1..-2] : hashed))
        expect(shown.text).not_to include("secret-plan")
      end
      expect(hub.flockctl("resources", "hub0")).to have_attributes(exit_code: 3, out: "", err: /not converged yet/)
      expect(hub.flockctl("resources",
                          "nobody")).to have_attributes(exit_code: 3, out: "", err: /no node called nobody/)
      expect(hub.flockctl("resources",
                          "off1")).to have_attributes(exit_code: 4, out: "", err: /off1.*refuses connections/)
    end

    it "is a doctor's finding per check" do
      checks = JSON.parse(hub.flockctl("doctor", "--format", "json").out)
      expect(checks.map do |row|
        row["check"]
      end).to include("data_dir", "hub", "clock", "certificate", "spool", "snapshot")
      expect(checks.map { |row| row["level"] }).to all(match(/\A(ok|warning)\z/))
      expect(hub.flockctl("doctor")).to have_attributes(exit_code: 0, out: match(/\ALEVEL +CHECK +MESSAGE +REMEDY$/))
    end
  end

  describe "notify" do
    { "0, done" => ["node1", "execute[works]", "run", 0, "done"],
      "2, failed" => ["node1", "execute[fails]", "run", 2, "failed"],
      "7, denied" => ["node1", "file[PRECIOUS]", "delete", 7,
                      "denied"] }.each do |meaning, (target, key, action, code, state)|
      it "exits with #{meaning}" do
        key = key.sub("PRECIOUS", "#{fleet.dir}/precious")
        result = notify(target, key, action, "--wait", "2m", "--format", "json")
        expect(result).to have_attributes(exit_code: code, err: match(/\Anotification \S+: /))
        expect(JSON.parse(result.out)).to contain_exactly(include("state" => state, "peer" => target))
      end
    end

    it "exits with 5 when the deadline passed, and with 0 when nobody waits" do
      expect(notify("off1", "execute[works]", "run", "--wait",
                    "1")).to have_attributes(exit_code: 5, err: /not finished after 1.0 s/)
      expect(notify("off1", "execute[works]", "run")).to have_attributes(exit_code: 0, out: /queued/)
    end

    it "exits with 1 for what is no notification" do
      expect(notify("node1", "works",
                    "run")).to have_attributes(exit_code: 1, out: "",
                                               err: /\Aflockctl: works: write .*'type\[name\]'.*\n\z/)
      expect(notify("node1",
                    "execute[works]")).to have_attributes(exit_code: 1, out: "", err: /\Aflockctl: .*usage: .*\n\z/)
      expect(notify("node1", "execute[works]", "run", "--wait",
                    "soon")).to have_attributes(exit_code: 1, out: "", err: /--wait soon/)
    end
  end

  describe "notifications" do
    it "lists, shows, tries again and drops" do
      expect(notify("node1", "execute[fails]", "run", "--wait", "2m").exit_code).to eq(2)
      rows = formats("notifications", "list", "--state", "failed", name: "id")
      id = rows.first["id"]
      expect(rows.map { |row| row["state"] }.uniq).to eq(["failed"])
      expect(hub.flockctl!("notifications", "show", id)).to match(/\A#{id}$.*state: +failed.*code: +action_failed/m)
      expect(hub.flockctl!("notifications", "show", id, "--format", "names")).to eq("#{id}\n")
      expect(node.flockctl!("notifications", "show", id)).to match(/direction: +in/)

      expect(hub.flockctl!("notifications", "retry", id, "--format", "names")).to eq("#{id}\n")
      Fleet.eventually("it has failed again") do
        shown = JSON.parse(hub.flockctl!("notifications", "show", id, "--format", "json")).first
        shown["attempt"] == 2 && shown["state"] == "failed"
      end

      notify("off1", "execute[dropped]", "run")
      waiting = hub.notifications.find { |row| row["key"] == "execute[dropped]" }["id"]
      expect(hub.flockctl!("notifications", "drop", waiting, "--format", "names")).to eq("#{waiting}\n")
      expect(hub.notifications.find { |row| row["id"] == waiting }["state"]).not_to eq("queued")
      expect(hub.flockctl("notifications", "drop", waiting))
        .to have_attributes(exit_code: 2, out: "", err: /has ended: there is nothing to drop/)
    end

    it "exits with 3 for an id that is none of ours" do
      %w[show retry drop].each do |verb|
        expect(hub.flockctl("notifications", verb,
                            "0" * 36)).to have_attributes(exit_code: 3, out: "", err: /no notification/)
      end
    end
  end

  describe "without an agent" do
    it "exits with 4, on one line that says what to start; notifications are kept" do
      off = fleet.nodes.last
      %w[status nodes resources notifications].each do |verb|
        expect(off.flockctl(verb)).to have_attributes(exit_code: 4, out: "", err: /\Aflockctl: .*flockctl agent.*\n\z/)
      end
      expect(off.flockctl("doctor", "--format", "names")).to have_attributes(exit_code: 4, out: "data_dir\nagent\n")
      sent = off.flockctl("notify", "node1", "execute[works]", "run", "--format", "json")
      expect(sent).to have_attributes(exit_code: 0, err: /kept in the spool/)
      expect(JSON.parse(sent.out)).to match([include("state" => "spooled")])
      expect(off.flockctl("notify", "node1", "execute[works]", "run", "--wait", "1").exit_code).to eq(4)
    end
  end

  it "exits with 7 where only a hub may" do
    ["token create", "node remove node1"].each do |command|
      expect(node.flockctl(*command.split)).to have_attributes(
        exit_code: 7, out: "", err: /\Aflockctl: this node is no hub; .*127.0.0.1:#{hub.port}.*\n\z/
      )
    end
  end

  it "names the nearest command" do
    { %w[stats] => "status", %w[notifications lst] => "list", %w[token creat] => "create",
      %w[node rm] => nil }.each do |words, nearest|
      result = hub.flockctl(*words)
      expect(result).to have_attributes(exit_code: 1, out: "", err: match(/\Aflockctl: .*#{words.last}.*\n\z/))
      expect(result.err).to include("did you mean \"#{nearest}\"?") if nearest
    end
    expect(hub.flockctl("nodes", "--fromat",
                        "json")).to have_attributes(exit_code: 1, out: "", err: /\Aflockctl: .*\n\z/)
    expect(hub.flockctl("nodes", "--format",
                        "xml")).to have_attributes(exit_code: 1, out: "", err: /\Aflockctl: .*\n\z/)
  end
end
