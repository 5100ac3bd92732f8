# frozen_string_literal: true

require_relative "../support/acceptance"

RSpec.describe "what a notification can fire", :acceptance do
  include_context "with one flock"

  before(:context) do
    @hub = fleet.hub("hub0")
    @target = fleet.join("node1")
  end

  def fire(key, action) = outcomes(@hub, 'node: "node1"', key: key, action: action).first

  it "is a template with lazy variables, behind a guard" do
    out = "#{fleet.dir}/out.conf"
    @target.converge!(<<~RUBY, files: { "templates/out.erb" => "value=<%= @value %> node=<%= node.name %>\n" })
      template '#{out}' do
        source 'out.erb'
        variables lazy { { value: 40 + 2 } }
        only_if { true }
        action :nothing
      end
    RUBY
    expect(fire("template[#{out}]", ":create")["state"]).to eq("done")
    expect(File.read(out)).to eq("value=42 node=node1\n")
  end

  it "is a custom resource" do
    @target.converge!(<<~RUBY, files: { "resources/marker.rb" => <<~MARKER })
      acceptance_marker 'mark' do
        word 'custom'
        action :nothing
      end
    RUBY
      provides :acceptance_marker
      unified_mode true
      property :word, String
      action :place do
        execute "echo \#{new_resource.word} >> #{oracle}"
      end
    MARKER
    expect(fire("acceptance_marker[mark]", ":place")["state"]).to eq("done")
    expect(fired).to eq(["custom"])
  end

  it "brings its own delayed notifications along" do
    @target.converge!(<<~RUBY)
      #{appending("afterwards")}
      execute 'mark' do
        command "echo mark >> #{oracle}"
        action :nothing
        notifies :run, 'execute[afterwards]', :delayed
      end
    RUBY
    expect(fire("execute[mark]", ":run")["state"]).to eq("done")
    expect(fired).to eq(%w[mark afterwards])
  end

  it "that fails is reported back, and in the history of both nodes (trap 14: Chef's own reports lack it)" do
    @target.converge!("execute 'mark' do\n  command 'exit 7'\n  action :nothing\nend\n")
    sent = fire("execute[mark]", ":run")
    expect(sent).to include("state" => "failed", "code" => "action_failed", "message" => a_string_matching(/7/))
    expect(@target.notifications).to include(
      a_hash_including("id" => sent["id"], "direction" => "in", "peer" => "hub0", "state" => "failed",
                       "key" => "execute[mark]", "action" => "run")
    )
  end

  it "is what policy allows; all else is reported back as denied" do
    @target.converge!("file '#{fleet.dir}/precious' do\n  content 'x'\nend\n")
    expect(fire("file[#{fleet.dir}/precious]", ":delete")).to include("state" => "denied", "code" => "policy")
    expect(File).to exist("#{fleet.dir}/precious")
  end

  it "is an action that the resource has; all else is answered" do
    @target.converge!(appending("mark"))
    expect(fire("execute[mark]", ":explode")["state"]).to eq("denied").or eq("undeliverable")
  end
end
