# frozen_string_literal: true

require_relative "examples_helper"

RSpec.describe "matchers for the remote words" do
  platform "debian"
  recipe do
    file "/tmp/fubar" do
      remote_notifies :run, "execute[x]", node: "bender1"
      remote_notifies :reload, "service[nginx]", :delayed, roles: "web", environment: "prod", retry: 2
      remote_notifies :run, "execute[q]", :before, query: "role:db", match: "50%", wait: 120
    end
    file "/tmp/other" do
      action :nothing
      remote_subscribes :create, "execute[y]", node: %w[b a]
    end
  end

  it "match what is declared, as far as it is named" do
    expect(chef_run).to remote_notify("execute[x]")
    expect(chef_run).to remote_notify("execute[x]").to(:run).on("bender1").immediately.by("file[/tmp/fubar]")
    expect(chef_run).to remote_notify("service[nginx]").to(:reload).on(roles: "web", environment: "prod").delayed
    expect(chef_run).to remote_notify("service[nginx]").with(retry: 2, ttl: 604_800, match: :all)
    expect(chef_run).to remote_notify("execute[q]").on(query: "role:db").before.with(match: "50%", wait: 120)
    expect(chef_run).to remote_subscribe("execute[y]").to(:create).on("a", "b").by("file[/tmp/other]")
    expect(chef_run.file("/tmp/fubar")).to remote_notify("execute[x]")
  end

  it "do not match anything else" do
    expect(chef_run).not_to remote_notify("execute[z]")
    expect(chef_run).not_to remote_notify("execute[y]")
    expect(chef_run).not_to remote_notify("execute[x]").to(:nothing)
    expect(chef_run).not_to remote_notify("execute[x]").on("bender2")
    expect(chef_run).not_to remote_notify("execute[x]").delayed
    expect(chef_run).not_to remote_notify("execute[x]").with(retry: 1)
    expect(chef_run).not_to remote_notify("service[nginx]").on(roles: "web") # in one environment only
    expect(chef_run.file("/tmp/other")).not_to remote_notify("execute[x]")
    expect(chef_run).not_to remote_subscribe("execute[y]").of("a")
  end

  it "tell what is there when they do not match" do
    expect { expect(chef_run).to remote_notify("execute[x]").on("fry") }.to raise_error do |error|
      expect(error.message).to start_with("expected the run to have remote_notifies, 'execute[x]', nodes ")
      expect(error.message).to include("what is there:", "  file[/tmp/fubar]: remote_notifies :run, 'execute[x]', " \
                                                         ":immediately, #{{ node: ["bender1"] }.inspect}")
    end
  end

  context "without a remote word" do
    recipe { file "/tmp/fubar" }

    it "say so" do
      expect { expect(chef_run).to remote_notify("execute[x]") }.to raise_error(/no remote word is there/)
    end
  end
end
