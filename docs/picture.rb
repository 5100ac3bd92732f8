# frozen_string_literal: true

# Draws docs/picture.svg: `bundle exec rake doc:picture`. A specification compares the file with what this gives.
class Picture
  WIDTH = 880
  HEIGHT = 430
  # Light pages and dark ones: an <img> follows the reader's preference as well.
  # It has a ground of its own, since the page around it need not be what the reader prefers.
  STYLE = <<~CSS
    .page { fill: #ffffff; }
    text { font: 13px ui-sans-serif, system-ui, sans-serif; fill: #1f2328; }
    .title { font-weight: 600; font-size: 15px; }
    .code { font-family: ui-monospace, monospace; font-size: 12px; }
    .small { font-size: 12px; fill: #59636e; }
    .node { fill: #f6f8fa; stroke: #d1d9e0; }
    .part { fill: #ffffff; stroke: #818b98; }
    .disk { fill: #fff1e5; stroke: #bc4c00; }
    .way { fill: none; stroke: #bc4c00; stroke-width: 2; }
    .back { fill: none; stroke: #0969da; stroke-width: 2; stroke-dasharray: 5 4; }
    .know { fill: none; stroke: #818b98; stroke-width: 1.5; }
    .mark { fill: #bc4c00; } .ink { fill: #ffffff; font-weight: 600; font-size: 12px; } .tip { fill: #bc4c00; } .btip { fill: #0969da; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; }
      text { fill: #f0f6fc; } .small { fill: #9198a1; } .node { fill: #151b23; stroke: #3d444d; }
      .part { fill: #0d1117; stroke: #656c76; } .disk { fill: #3d1300; stroke: #f0883e; }
      .way { stroke: #f0883e; } .back { stroke: #4493f8; } .mark { fill: #f0883e; } .ink { fill: #0d1117; }
      .tip { fill: #f0883e; } .btip { fill: #4493f8; }
    }
  CSS
  STEPS = [
    "The recipe runs. The file has really changed.",
    "The agent writes the notification to disk; only then does the recipe go on.",
    "Over mutual TLS to the other agent, which asks its [[allow]], writes it to disk and says so.",
    "No Chef run is at work: the last run's recipe is compiled again, and this one resource is run.",
    "The outcome is written down and travels back: done, failed with the reason, or unknown."
  ].freeze

  def initialize = @parts = []

  # @return [String] the file
  def to_s
    box("page", 0, 0, WIDTH, HEIGHT)
    node(20, "bender0")
    node(600, "bender1")
    sender
    target
    hub
    ways
    STEPS.each_with_index { |step, index| legend(step, index) }
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 #{WIDTH} #{HEIGHT}\" width=\"#{WIDTH}\" " \
      "height=\"#{HEIGHT}\" role=\"img\" aria-label=\"#{STEPS.join(" ")}\">\n<style>\n#{STYLE}</style>\n" \
      "<defs>#{arrow("tip")}#{arrow("btip")}</defs>\n#{@parts.join("\n")}\n</svg>\n"
  end

  private

  def node(left, name)
    box("node", left, 16, 260, 268)
    text("title", left + 14, 40, name)
  end

  def sender
    box("part", 34, 54, 232, 92)
    text("small", 46, 72, "a Chef run")
    ["file '/tmp/fubar' do", "  remote_notifies :run,", "  'execute[kill all humans]',", "  node: 'bender1'"]
      .each_with_index { |line, index| text("code", 46, 91 + (index * 15), line) }
    agent(34, "outbox", ["kept until bender1", "has it on its disk"])
  end

  def target
    box("part", 614, 54, 232, 92)
    text("small", 626, 72, "a worker, outside any Chef run")
    ["execute 'kill all humans' do", "  action :nothing", "end"]
      .each_with_index { |line, index| text("code", 626, 95 + (index * 15), line) }
    agent(614, "inbox", ["kept until it has", "run, and once only"])
  end

  def agent(left, queue, promise)
    box("part", left, 190, 232, 80)
    text("small", left + 12, 208, "flockctl agent")
    drum = "v34 a36,8 0 0 0 72,0 v-34 a36,8 0 0 0 -72,0 a36,8 0 0 0 72,0"
    @parts << "<path class=\"disk\" d=\"M#{left + 12},222 #{drum}\"/>"
    text("code", left + 27, 249, queue)
    promise.each_with_index { |line, index| text("small", left + 96, 240 + (index * 15), line) }
  end

  def hub
    box("part", 330, 54, 220, 66)
    text("title", 342, 76, "the hub")
    text("small", 342, 93, "an agent that also knows who is")
    text("small", 342, 108, "there: names, roles, tags, APIs")
    @parts << "<path class=\"know\" d=\"M280,112 L330,94\"/><path class=\"know\" d=\"M600,112 L550,94\"/>"
  end

  def ways
    way("way", "M150,146 V188", 168, 167, 2)
    way("way", "M266,222 H612", 440, 222, 3)
    way("way", "M730,190 V148", 748, 167, 4)
    way("back", "M614,254 H268", 440, 254, 5)
    mark(256, 64, 1)
  end

  def way(kind, path, left, top, number)
    @parts << "<path class=\"#{kind}\" d=\"#{path}\" marker-end=\"url(##{kind == "way" ? "tip" : "btip"})\"/>"
    mark(left, top, number)
  end

  def mark(left, top, number)
    @parts << "<circle class=\"mark\" cx=\"#{left}\" cy=\"#{top}\" r=\"10\"/>" \
              "<text class=\"ink\" x=\"#{left}\" y=\"#{top + 4}\" text-anchor=\"middle\">#{number}</text>"
  end

  def legend(step, index)
    mark(34, 308 + (index * 25), index + 1)
    text("", 54, 312 + (index * 25), step)
  end

  def arrow(kind)
    "<marker id=\"#{kind}\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" " \
      "orient=\"auto\"><path class=\"#{kind}\" d=\"M0,0 L10,5 L0,10 z\"/></marker>"
  end

  def box(kind, left, top, width, height)
    @parts << "<rect class=\"#{kind}\" x=\"#{left}\" y=\"#{top}\" width=\"#{width}\" height=\"#{height}\" rx=\"8\"/>"
  end

  def text(kind, left, top, words)
    @parts << "<text class=\"#{kind}\" x=\"#{left}\" y=\"#{top}\" xml:space=\"preserve\">#{words}</text>"
  end
end
