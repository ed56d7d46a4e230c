# A collector finds the tasks, reads their metrics, and sends them to the workspace; the backlog also to CloudWatch,
# where ECS scales by it.

data "aws_partition" "here" {}

locals {
  configuration = yamlencode({
    extensions = { sigv4auth = { region = data.aws_region.here.name } }
    receivers = {
      prometheus = {
        config = {
          scrape_configs = [for role in ["lanes", "batches", "backfill", "writebacks", "api"] : {
            job_name        = "tidegate-${role}"
            scrape_interval = "15s"
            dns_sd_configs  = [{ names = ["${role}.${var.discovery_domain}"], type = "A", port = 9464 }]
            relabel_configs = [
              { target_label = "role", replacement = role },
              { target_label = "deployment", replacement = var.name },
            ]
          }]
        }
      }
    }
    processors = {
      "filter/backlog" = { metrics = { include = { match_type = "strict", metric_names = [var.backlog_metric] } } }
    }
    exporters = {
      prometheusremotewrite = {
        endpoint = "${aws_prometheus_workspace.this.prometheus_endpoint}api/v1/remote_write"
        auth     = { authenticator = "sigv4auth" }
      }
      awsemf = {
        namespace               = "Tidegate"
        log_group_name          = aws_cloudwatch_log_group.collector.name
        dimension_rollup_option = "NoDimensionRollup"
        metric_declarations     = [{ dimensions = [["queue", "deployment"]], metric_name_selectors = [var.backlog_metric] }]
      }
    }
    service = {
      extensions = ["sigv4auth"]
      pipelines = {
        "metrics/all"     = { receivers = ["prometheus"], exporters = ["prometheusremotewrite"] }
        "metrics/backlog" = { receivers = ["prometheus"], processors = ["filter/backlog"], exporters = ["awsemf"] }
      }
    }
  })
}

resource "aws_cloudwatch_log_group" "collector" {
  name              = "/tidegate/${var.name}/collector"
  retention_in_days = 400
  kms_key_id        = var.logs_key_arn
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "collector" {
  statement {
    sid       = "WriteMetrics"
    actions   = ["aps:RemoteWrite"]
    resources = [aws_prometheus_workspace.this.arn]
  }

  statement {
    sid       = "WriteBacklog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    resources = ["${aws_cloudwatch_log_group.collector.arn}:*"]
  }
}

resource "aws_iam_role" "collector" {
  name               = "tidegate-${var.name}-collector"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "collector" {
  name   = "metrics"
  role   = aws_iam_role.collector.id
  policy = data.aws_iam_policy_document.collector.json
}

resource "aws_iam_role" "execution" {
  name               = "tidegate-${var.name}-collector-execution"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:${data.aws_partition.here.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_ecs_task_definition" "collector" {
  family                   = "tidegate-${var.name}-collector"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.collector.arn

  container_definitions = jsonencode([{
    name                   = "collector"
    image                  = var.collector_image
    essential              = true
    readonlyRootFilesystem = true
    environment            = [{ name = "AOT_CONFIG_CONTENT", value = local.configuration }]
    linuxParameters        = { capabilities = { drop = ["ALL"] } }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.collector.name
        awslogs-region        = data.aws_region.here.name
        awslogs-stream-prefix = "collector"
      }
    }
  }])
}

resource "aws_ecs_service" "collector" {
  name            = "collector"
  cluster         = var.cluster_arn
  task_definition = aws_ecs_task_definition.collector.arn
  desired_count   = 1
  launch_type     = "FARGATE"

  network_configuration {
    subnets          = var.private_subnet_ids
    security_groups  = [var.tasks_security_group_id]
    assign_public_ip = false
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "scrape" {
  security_group_id            = var.tasks_security_group_id
  description                  = "The collector reads metrics of the tasks"
  referenced_security_group_id = var.tasks_security_group_id
  from_port                    = 9464
  to_port                      = 9464
  ip_protocol                  = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "scrape" {
  security_group_id            = var.tasks_security_group_id
  description                  = "The collector reads metrics of the tasks"
  referenced_security_group_id = var.tasks_security_group_id
  from_port                    = 9464
  to_port                      = 9464
  ip_protocol                  = "tcp"
}
